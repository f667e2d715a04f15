"""From a registered version to the endpoint's answers: alias, endpoint, challenger."""
