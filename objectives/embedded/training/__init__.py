"""Training the embedded pipelines: what each is made of, and how it learns."""
