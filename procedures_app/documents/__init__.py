"""Procedure documents: read from text, checked, written, compared. Plain data; nothing here touches the database."""

from procedures_app.documents import fields, names, paths, placeholders, preconditions, subprocedures
from procedures_app.documents.checking import check
from procedures_app.documents.diffing import DocumentDiff, FieldChange, StepChange, diff
from procedures_app.documents.formats import parse, render
from procedures_app.documents.merging import MergedPath, ThreeWay, three_way
from procedures_app.documents.problems import DocumentInvalid, Problem
from procedures_app.documents.reading import Document, read

__all__ = [
    "Document",
    "DocumentDiff",
    "DocumentInvalid",
    "FieldChange",
    "MergedPath",
    "Problem",
    "StepChange",
    "ThreeWay",
    "check",
    "diff",
    "fields",
    "names",
    "parse",
    "paths",
    "placeholders",
    "preconditions",
    "read",
    "render",
    "subprocedures",
    "three_way",
]
