"""What clients of the endpoint left with it: jobs, and answers for requests that are repeated."""
