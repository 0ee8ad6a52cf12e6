"""Commands that load a pipeline: studies, sweeps, scripts and their verification."""
