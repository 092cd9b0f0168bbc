#!/usr/bin/env python3
"""Writes the configuration of every case in tests/traps/nginx as a seed for each target."""

import pathlib
import tomllib

here = pathlib.Path(__file__).parent
for case in sorted((here.parent / "tests/traps/nginx").glob("*.toml")):
    values = tomllib.loads(case.read_text())
    for target in ("nginx_lexer", "nginx_tree", "nginx_endpoints"):
        folder = here / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for number, text in enumerate([values["nginx"], *values.get("files", {}).values()]):
            (folder / f"{case.stem}-{number}").write_text(text)
