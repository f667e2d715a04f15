"""The console: pages on which people see the loop, label recordings and decide."""
