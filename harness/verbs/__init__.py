"""What each verb of the command line does, a file each: given a Scope, an Answer."""
