"""Writing artefacts: what reaches their code from a trial, and the source that they carry."""
