"""The console: API and pages for what Dagster's own pages are not for. It never imports Dagster."""
