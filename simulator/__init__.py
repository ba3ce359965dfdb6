"""A pretend clinic of real loopback servers, whose faults are toggled by name while it runs."""
