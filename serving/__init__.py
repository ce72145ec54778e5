"""One vLLM engine on Ray Serve: the base model once, adapters beside it, OpenAI's API in front, rollouts behind."""
