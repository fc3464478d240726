"""Proof that the Accelerator's integers are those of the user's file, in exact rational arithmetic; shares no code with the importer."""
