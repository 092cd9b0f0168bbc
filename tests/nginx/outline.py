"""Reads a list of nginx configurations from standard input and writes crossplane's tree of each, flat, as a line of JSON."""

import json
import os
import sys

import crossplane


def flat(folder, block, depth):
    for statement in block:
        if "comment" in statement:  # Between arguments, it comes out although nobody asked for it.
            continue
        words = [statement["directive"], *statement["args"]]
        if words[0].endswith("_by_lua_block"):  # The code is an argument here.
            words.pop()
        # A blank after `${name}` is taken into the word.
        words = [word.rstrip() if "${" in word else word for word in words]
        yield [depth, os.path.relpath(statement["file"], folder), statement["line"], words]
        yield from flat(folder, statement.get("block", []), depth + 1)


for path in map(str.rstrip, sys.stdin):
    try:
        tree = crossplane.parse(
            path, catch_errors=False, combine=True, check_ctx=False, check_args=False
        )
        line = {"tree": list(flat(os.path.dirname(path), tree["config"][0]["parsed"], 0))}
    except Exception as error:
        line = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(line))
