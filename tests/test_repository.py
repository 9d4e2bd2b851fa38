"""What the repository promises as a whole: versions, commands, one-way imports, nothing from afar."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command, get_commands
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(settings.BASE_DIR)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
REQUIREMENTS = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]
PAGES = [*(ROOT / "templates").rglob("*.html")]
ASSETS = [
    path
    for path in (ROOT / "portal" / "static").rglob("*.*")
    if path.suffix in {".css", ".js", ".svg"}
]
DOCUMENTS = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]


def read_environment_example() -> dict[str, str]:
    lines = (ROOT / "env.example").read_text().splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    return {name: value.strip('"') for name, value in pairs}


def run_manage(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
    )


def test_imports_point_one_way():
    lint_imports = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run([lint_imports], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.django_db
def test_migrations_are_complete():
    call_command("makemigrations", check=True, dry_run=True)


def test_a_page_loads_nothing_from_another_host():
    foreign = re.compile(
        r"""<(?:script|img|source|iframe|video|audio|object|embed|use)\b[^>]*"""
        r"""(?:src|srcset|data|href)\s*=\s*["'](?:https?:)?//"""
        r"""|<link\b(?![^>]*rel="(?:canonical|license|alternate)")[^>]*href\s*=\s*["'](?:https?:)?//"""
        r"""|url\(\s*["']?(?:https?:)?//|@import|from\s+["']https?://"""
    )
    assert PAGES and ASSETS
    for path in PAGES + ASSETS:
        assert not foreign.findall(path.read_text()), path


def test_a_page_holds_no_inline_script_or_style():
    inline = re.compile(
        r"""<script\b(?![^>]*\bsrc=)(?![^>]*type="application/(?:ld\+)?json")"""
        r"""|<style\b|\sstyle\s*=|\son[a-z]+\s*=\s*["']|javascript:"""
    )
    for path in PAGES:
        assert not inline.findall(path.read_text()), path


def test_every_package_is_pinned_within_what_the_project_asks_for():
    text = (ROOT / "constraints.txt").read_text()
    assert "/" not in text and "@" not in text
    pins = {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE)
    }
    waiting, seen = [Requirement(line) for line in REQUIREMENTS], set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{name} is not pinned"
        assert requirement.specifier.contains(pins[name]), requirement
        if (name, *sorted(requirement.extras)) in seen:
            continue
        seen.add((name, *sorted(requirement.extras)))
        for line in importlib.metadata.requires(name) or []:
            needed = Requirement(line)
            extras = requirement.extras or {""}
            if not needed.marker or any(needed.marker.evaluate({"extra": e}) for e in extras):
                waiting.append(needed)
    assert set(pins) == {name for name, *_ in seen}


def test_every_dependency_says_what_it_is_for():
    text = (ROOT / "pyproject.toml").read_text()
    for requirement in REQUIREMENTS:
        assert re.search(rf'"{re.escape(requirement)}",  # \w', text), requirement


def test_the_documents_name_only_commands_that_there_are():
    commands = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "admin", "test", "lint", "format", "bench"} <= commands
    for path in DOCUMENTS:
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", path.read_text(), re.MULTILINE))
        assert named <= commands, path
        assert set(re.findall(r"manage\.py ([a-z_]+)", path.read_text())) <= set(get_commands())


def test_the_documents_link_and_show_only_files_that_there_are():
    for path in DOCUMENTS:
        for address in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
            if "://" not in address:
                assert (path.parent / address).exists(), f"{path.name}: {address}"


def test_the_glossary_names_only_models_that_there_are():
    text = (ROOT / "docs" / "glossary.md").read_text()
    named = set(re.findall(r"`([A-Z][a-z]\w+)`", text))
    known = {model.__name__ for model in apps.get_models()} | {"Figure", "Publication", "Cited"}
    assert "SettlementItem" in named
    assert named <= known


def test_env_example_and_the_operations_guide_explain_every_setting():
    read = set(
        re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "portal" / "settings.py").read_text())
    )
    assert read == set(read_environment_example())
    guide = (ROOT / "docs" / "operations.md").read_text()
    assert read == set(re.findall(r"^\| `([A-Z_]+)` \|", guide, re.MULTILINE))


def test_the_production_settings_pass_the_deployment_check():
    environment = read_environment_example() | {
        "SECRET_KEY": "q7-w2e9rtyuiopasdfghjklzxcvbnm0123456789QWERTYUIOPASDF"
    }
    answer = run_manage("check", "--deploy", "--fail-level", "WARNING", **environment)
    assert answer.returncode == 0, answer.stderr
    without_https = run_manage(
        "check", "--deploy", "--fail-level", "WARNING", **environment | {"HTTPS": "0"}
    )
    assert without_https.returncode == 1
    assert "portal.W001" in without_https.stderr
