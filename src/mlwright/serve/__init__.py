"""The server: HTTP workers that answer with a model, log every answer, and route a rollout."""
