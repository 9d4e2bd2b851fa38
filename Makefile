# The commands of this project; `make` alone lists them.
PYTHON ?= python3
PORT ?= 8000
# What else pytest is to be told: make test ARGS="tests/portal -k feed"; or make_demo_staff: ARGS=--reset
ARGS ?=
# What alone make bench is to measure: make bench ONLY=pages,search
ONLY ?=
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
READ_PROJECT := import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))
TEMPLATES = $(shell find templates -name '*.html')

.PHONY: help run hosts build admin demo-staff test drills lint format bench audit clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile

run: build ## 準備をすべて済ませて、http://127.0.0.1:8000/ で動かす（PORT=8080 で変更）
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) load_first_content
	@echo "http://127.0.0.1:$(PORT)/ で動きます（止めるときは Ctrl+C）。 Open this address; stop with Ctrl+C."
	@exec $(BIN)/gunicorn portal.wsgi --bind 127.0.0.1:$(PORT) --workers 2 --threads 4 --no-control-socket

hosts: build ## 2台のアプリケーション、データベースの本体と複製、Redisを、この1台で試す
	@exec $(BIN)/python -m tests.hosts $(PORT)

build: staticfiles/staticfiles.json ## パッケージと静的ファイルを用意する（動かさない）

admin: .venv/installed .env ## 最初の管理者を作る（DJANGO_SUPERUSER_* があれば、聞かずに作る）
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) createsuperuser $(if $(DJANGO_SUPERUSER_PASSWORD),--noinput)

demo-staff: build ## 管理画面を試すための、架空の部局の職員3人と記録を作る（DEBUG=1 のときだけ）
	@$(MANAGE) make_demo_staff $(ARGS)

test: build .venv/installed-dev ## すべての試験（DATABASE_URL があれば、そのデータベースで）
	@HTTPS=0 DEBUG=0 $(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

drills: build .venv/installed-dev ## わざと壊して、元に戻ることを確かめる（docs/drills.md。数分かかる）
	@HTTPS=0 DEBUG=0 DATABASE_URL=sqlite:///portal.sqlite3 $(BIN)/python -m pytest -m drill tests/drills $(ARGS)
	@[ -z "$$POSTGRES_URL" ] || HTTPS=0 DEBUG=0 DATABASE_URL="$$POSTGRES_URL" \
	  $(BIN)/python -m pytest -m "drill and not own_servers" tests/drills $(ARGS)

lint: .venv/installed-dev .env ## 書き方、依存の向き、マイグレーション、本番の設定を調べる
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/djade --check $(TEMPLATES)
	$(MANAGE) makemigrations --check --dry-run
	@set -a; . ./env.example; SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))'); \
	echo "$(MANAGE) check --deploy"; $(MANAGE) check --deploy --fail-level WARNING

format: .venv/installed-dev ## 書き方をそろえる
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djade $(TEMPLATES)

bench: build ## 速さを、限界や他のソフトと並べて測り、docs/performance.md に書く（ONLY=pages で一部）
	@$(BIN)/python -m tests.bench $(ONLY)

audit: .venv/bin/python ## 入れているパッケージに、知られている脆弱性がないかを調べる（ネットワークが要る）
	@test -x .make/audit/bin/pip-audit || { $(PYTHON) -m venv .make/audit && \
	  .make/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1; }
	@.make/audit/bin/python tests/audit.py

clean: ## 作り直せるものを消す（データベース、画像、.env は消さない）
	rm -rf .venv staticfiles .pytest_cache .ruff_cache .hypothesis .import_linter_cache .make
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 以上が要ります。 Python 3.11 or later is needed: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "python3-venv が要ります。 Please install it: sudo apt-get install python3-venv" >&2; exit 1; }

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo "必要なパッケージを入れています。 Installing packages …"
	@$(BIN)/python -c '$(READ_PROJECT); print(*project["project"]["dependencies"], sep="\n")' > $@.txt
	@$(INSTALL) -r $@.txt
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "試験の道具を入れています。 Installing test tools …"
	@$(BIN)/python -c '$(READ_PROJECT); print(*project["dependency-groups"]["dev"], sep="\n")' > $@.txt
	@$(INSTALL) -r $@.txt
	@touch $@

.env: | .venv/bin/python
	@umask 077; { \
	  echo "SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))')"; \
	  echo "ALLOWED_HOSTS=127.0.0.1,localhost,[::1]"; \
	  echo "HTTPS=0"; \
	  echo "DEBUG=0"; } > $@

staticfiles/staticfiles.json: .venv/installed $(shell find portal/static -type f) | .env
	@$(MANAGE) collectstatic --noinput --verbosity 0
