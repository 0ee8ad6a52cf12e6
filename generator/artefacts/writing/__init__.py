"""Writing artefacts: what of a trial reaches their code, and the source that they carry."""
