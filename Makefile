# Each target makes .venv and everything else it needs by itself; see docs/running.md.
# ARGS passes more to pytest, a benchmark or a proof: make test ARGS="-k caps"
SUPERVISOR = @sh mtp/supervisor/start.sh

.PHONY: up down test check bench prove-cap prove-close css

up: ## Run the product on this machine, with demo data
	$(SUPERVISOR) up

down: ## Stop a product that runs in the background
	$(SUPERVISOR) down

test: ## Every check and every test
	$(SUPERVISOR) test $(ARGS)

check: ## Lint, types, floors, templates, migrations, deployment settings
	$(SUPERVISOR) check

bench: ## Benchmarks, each as a ratio to its floor
	$(SUPERVISOR) run python -m tests.benchmarks $(ARGS)

prove-cap: ## Racing clients against a cap; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.cap $(ARGS)

prove-close: ## Killed workers during close and charge; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.close $(ARGS)

css: ## Compile the styles; the only target that needs Node
	npm ci --no-audit --no-fund
	npm run css
