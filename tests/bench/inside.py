"""Calls one function of the bench in this process, with Django: python -m tests.bench.inside
module:function '{"rows": 1000}'. Prints its answer as JSON; all else goes to stderr.
"""

import importlib
import json
import os
import sys

import django


def main(function: str, arguments: str):
    answer_to = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    django.setup()
    module, _, name = function.partition(":")
    call = getattr(importlib.import_module(f"tests.bench.{module}"), name)
    answer = call(**json.loads(arguments))
    sys.stdout.flush()
    answer_to.write(json.dumps(answer))
    answer_to.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
