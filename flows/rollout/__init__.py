"""From a winner to the endpoint's answers: registry, alias, endpoint, challenger."""
