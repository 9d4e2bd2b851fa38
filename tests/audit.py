"""Asks the database of known vulnerabilities about the pinned packages: make audit.

Exits with 0 where all were asked about and none is known, with 1 where one is, and with 2 where
the database, which is on another host, could not be asked.
"""

import json
import subprocess
import sys

PINS = "constraints.txt"
NO_DATA = "脆弱性のデータベースに尋ねられませんでした（{}のうち{}が未確認）。ネットワークに出られる所で、もう一度実行してください。"


def judge(answer: dict) -> tuple[list[str], int]:
    """Return the lines to print and the exit code for what pip-audit answers as JSON."""
    packages = answer["dependencies"]
    known = [
        f"{package['name']} {package['version']}: {found['id']}"
        f"（直った版: {'、'.join(found['fix_versions']) or 'まだありません'}）"
        for package in packages
        for found in package.get("vulns", [])
    ]
    missing = [package["name"] for package in packages if "skip_reason" in package]
    if missing or not packages:
        return [
            *known,
            NO_DATA.format(f"{len(packages)}個", f"{len(missing)}個"),
        ], 1 if known else 2
    return [*known, f"{len(packages)}個を確かめ、知られている脆弱性は{len(known)}件です。"], bool(
        known
    )


def main() -> int:
    options = ["--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json"]
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", "-r", PINS, *options], capture_output=True, text=True
    )
    if not done.stdout.startswith("{"):
        print(done.stderr, file=sys.stderr)
        print(NO_DATA.format("すべて", "すべて"))
        return 2
    lines, code = judge(json.loads(done.stdout))
    print(*lines, sep="\n")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
