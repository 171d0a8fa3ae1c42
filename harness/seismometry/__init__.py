"""Projects of the package seismometer: classification models as it reads them, and its audit."""
