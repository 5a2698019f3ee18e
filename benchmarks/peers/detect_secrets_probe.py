"""Runs in detect-secrets' own environment: all its plugins with their defaults over texts, line by line.

Reads a JSON list of texts on stdin, writes for each what was found and how long that took: CPU seconds of a
second pass.
"""

import json
import sys
import time

from detect_secrets.core.scan import _process_line_based_plugins
from detect_secrets.settings import default_settings


def scan(text: str) -> "list[list[object]]":
    """The secrets of a text, each with its first place in it; the scan of a file, without the file."""
    lines = list(enumerate(text.split("\n"), start=1))
    found = []
    for secret in _process_line_based_plugins(lines=lines, filename="text.txt"):
        start = text.find(secret.secret_value)
        found.append([start, start + len(secret.secret_value), secret.type, 1.0])
    return found


def main() -> None:
    """Answer the texts of stdin."""
    texts, results = json.load(sys.stdin), []
    with default_settings():
        for text in texts:
            scan(text)
        for text in texts:
            began = time.thread_time()
            found = scan(text)
            results.append({"found": found, "seconds": time.thread_time() - began})
    print("RESULTS " + json.dumps(results))


if __name__ == "__main__":
    main()
