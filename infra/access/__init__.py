"""Who may do what: tokens with scopes, sessions of the console, pauses and approvals."""
