"""Reads an exported file as Python programs do: PyYAML (YAML 1.1) or python-dotenv. Prints JSON."""

import base64
import json
import sys

import yaml
from dotenv import dotenv_values


def plain(value):
    return {"$base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


kind, path = sys.argv[1:]
if kind == "yaml":
    with open(path, encoding="utf-8") as file:
        values = {name: plain(value) for name, value in yaml.safe_load(file).items()}
else:
    values = dotenv_values(path, interpolate=False)
json.dump(values, sys.stdout)
