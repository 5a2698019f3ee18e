# Every target sets up what it needs by itself; .venv is made once and refreshed when pyproject.toml changes.
PYTHON ?= python3
# What the tests run with; `whitebox` adds torch, and with it the tests of the white-box model.
EXTRAS ?= embedded,onnx,ner,dev
BIN := .venv/bin

.PHONY: run demo test check lint types proto proto-check buf buf-check boards bench clean

run: .stamps/run
	@$(BIN)/crossrisk fetch
	@exec $(BIN)/crossrisk serve --config deploy/crossrisk.yaml

demo: .stamps/run
	@$(BIN)/crossrisk demo

test: .stamps/dev
	@$(BIN)/crossrisk fetch
	$(BIN)/python -m pytest

check: lint types proto-check buf-check

lint: .stamps/dev
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/lint-imports

types: .stamps/dev
	$(BIN)/mypy

proto: .stamps/dev
	$(BIN)/python -m grpc_tools.protoc -I proto --python_out=. --pyi_out=. --grpc_python_out=. proto/gateway/v1/*.proto proto/monitors/v1/*.proto

proto-check: proto
	git diff --exit-code -- gateway/v1 monitors/v1

# Linter and breaking-change check for the contracts; the last commit is what must not break.
buf: .tools/node_modules/.bin/buf

.tools/node_modules/.bin/buf:
	npm install --silent --no-audit --no-fund --prefix .tools @bufbuild/buf@1

buf-check: buf
	.tools/node_modules/.bin/buf lint
	if git rev-parse -q --verify HEAD~1 >/dev/null; then .tools/node_modules/.bin/buf breaking --against '.git#ref=HEAD~1'; fi

# Boards, rules and their tests are made from deploy/generate; RUNBOOKS goes before the path of a page.
boards: .stamps/dev
	$(BIN)/python -m deploy.generate --runbooks '$(RUNBOOKS)'

bench: .stamps/dev
	$(BIN)/python -m benchmarks.overhead

.venv:
	$(PYTHON) -m venv .venv

.stamps/run: pyproject.toml constraints.txt | .venv
	@mkdir -p .stamps
	$(BIN)/python -m pip install --progress-bar on --disable-pip-version-check -c constraints.txt -e '.[embedded,onnx]'
	@touch $@

.stamps/dev: pyproject.toml constraints.txt | .venv
	@mkdir -p .stamps
	$(BIN)/python -m pip install --progress-bar on --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@ .stamps/run

clean:
	rm -rf .venv .stamps
