"""Groups of settings of the endpoint's services, parts of infra.settings.Settings."""
