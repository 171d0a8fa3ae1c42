"""A check as JUnit XML, which GitHub, GitLab and Jenkins read: a suite a model, a test a gate.

It keeps to the schema of Jenkins' xUnit plugin, version 10.
"""

import re
from collections.abc import Iterator
from xml.etree import ElementTree as xml

from harness.record import Verdict
from harness.verbs._cells import HEAD, cells
from harness.verbs._checked import Checked, Doubt, Fault

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, however they are written."""


def junit(found: Checked) -> str:
    """A gate fails as it fails the check; what was not judged is skipped; a fault is an error.

    Warnings fail where they fail the check, and stand in `system-out` where they do not.
    """
    root = xml.Element("testsuites", name=_safe(f"harness check {found.suite}"), time="0")
    subjects = [fault.subject for fault in found.faults]
    subjects += [verdict.subject for verdict in found.verdicts]
    subjects += [doubt.subject for doubt in found.doubts]
    for subject in dict.fromkeys(subjects):
        root.append(_suite(found, subject))
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{xml.tostring(root, encoding="unicode")}\n'


def _suite(found: Checked, subject: str) -> xml.Element:
    cases = list(_cases(found, subject))
    suite = xml.Element("testsuite", name=_safe(subject), tests=str(len(cases)))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("time", "0")
    suite.extend(cases)
    notes = [doubt for doubt in found.doubts if doubt.subject == subject and not doubt.fails]
    if notes:
        lines = [f"warning {each.what} {each.code}: {each.message}" for each in notes]
        _child(suite, "system-out", "\n".join(lines))
    return suite


def _cases(found: Checked, subject: str) -> Iterator[xml.Element]:
    for fault in found.faults:
        if fault.subject == subject:
            yield _fault(fault)
    for verdict in found.verdicts:
        if verdict.subject == subject:
            yield _verdict(verdict, found.fails(verdict))
    for doubt in found.doubts:
        if doubt.subject == subject and doubt.fails:
            yield _doubt(doubt)


def _fault(fault: Fault) -> xml.Element:
    case = _case(fault.subject, fault.what)
    _child(case, "error", fault.message, type="error", message=fault.message)
    return case


def _doubt(doubt: Doubt) -> xml.Element:
    case = _case(doubt.subject, f"{doubt.what} {doubt.code}")
    _child(case, "failure", doubt.message, type="warning", message=doubt.message)
    return case


def _verdict(verdict: Verdict, fails: bool) -> xml.Element:
    case = _case(verdict.subject, verdict.gate)
    told = [f"{name}: {cell}" for name, cell in zip(HEAD, cells(verdict), strict=True)]
    numbers = "\n".join(line for line in told if not line.endswith(": -"))
    if fails or verdict.status in ("inconclusive", "not-run", "new"):
        message = f"{verdict.status}: {verdict.reason}"
        body = f"{message}\n{numbers}" if numbers else message
        tag = "failure" if fails else "skipped"
        _child(case, tag, body, type=verdict.status, message=message)
    else:
        _child(case, "system-out", f"{verdict.status}: {verdict.reason}\n{numbers}")
    return case


def _case(subject: str, name: str) -> xml.Element:
    classname = _safe(subject.replace("/", "."))
    return xml.Element("testcase", classname=classname, name=_safe(name), time="0")


def _child(parent: xml.Element, tag: str, text: str, **attributes: str) -> None:
    child = xml.SubElement(parent, tag, {key: _safe(each) for key, each in attributes.items()})
    child.text = _safe(text)


def _safe(text: str) -> str:
    return FORBIDDEN.sub("\ufffd", text)
