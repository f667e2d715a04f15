"""The routes of the endpoint, each with its description: what answers is what the documents say."""
