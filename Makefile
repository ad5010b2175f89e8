# Each target creates .venv and everything else that it needs; see docs/running.md.
# ARGS passes more to pytest, a benchmark or a proof: make test ARGS="-k caps"
SUPERVISOR = @sh mtp/supervisor/start.sh
# A test process per core, each with separate databases; the tests of one file stay together.
PARALLEL = -n auto --maxprocesses 8 --dist loadfile

.PHONY: up down test test-app check bench prove-cap prove-close prove-psa prove-charge prove-hooks prove-counting prove-truth prove-promises prove-rounds prove-pooler prove-servers prove-image prove-restore prove-crash prove-release prove-identity css icons

up: ## Run the product on this machine, with demo data
	$(SUPERVISOR) up

down: ## Stop a product that runs in the background
	$(SUPERVISOR) down

test: ## Every check and every test
	$(SUPERVISOR) test $(PARALLEL) $(ARGS)

test-app: ## The tests of one app, without the checks: make test-app APP=usage
	$(SUPERVISOR) run python -m pytest $(PARALLEL) tests/$(APP) $(ARGS)

check: ## Lint, types, floors, templates, migrations, deployment settings
	$(SUPERVISOR) check

bench: ## Benchmarks, each as a ratio to its floor
	$(SUPERVISOR) run python -m tests.benchmarks $(ARGS)

prove-cap: ## Racing clients against a cap; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.cap $(ARGS)

prove-close: ## Killed workers during close and charge; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.close $(ARGS)

prove-counting: ## 50,000 random sequences against a naive replay; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.counting $(ARGS)

prove-truth: ## 20,000 cells of random histories, equal in every place; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.truth $(ARGS)

prove-charge: ## Workers killed at seven points of a charge; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.charge $(ARGS)

prove-hooks: ## Stripe's events in every order and repeated; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.hooks $(ARGS)

prove-psa: ## 500 nights of the PSA sync under faults; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.psa $(ARGS)

prove-promises: ## Random months with everything going wrong; nothing stays silent; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.promises $(ARGS)

prove-pooler: ## Clients that share connections through PgBouncer; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.pooler $(ARGS)

prove-rounds: ## Random histories: rounds that look at due providers only miss nothing; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.rounds $(ARGS)

prove-servers: ## Three PostgreSQL servers, moves under load, one killed; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.servers $(ARGS)

prove-image: ## The Dockerfile and every service of production, without a container engine; needs root; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.image $(ARGS)

prove-restore: ## The whole database lost and restored, at 300 providers; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.restore $(ARGS)

prove-crash: ## PostgreSQL and Redis killed under load, full disks, jumping clocks; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.crash $(ARGS)

prove-release: ## A rolling release under load: nothing fails, nothing is lost; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.release $(ARGS)

prove-identity: ## 100,000 spellings of 5,000 people in exports of six tools, each counted once; the last line is JSON
	$(SUPERVISOR) run python -m tests.proofs.identity $(ARGS)

css: ## Compile the styles; needs Node
	npm ci --no-audit --no-fund
	npm run css

icons: ## Make the sprite of the icons that templates and Python name; needs Node, as css does
	npm ci --no-audit --no-fund
	python3 -m core.templating.sprite
