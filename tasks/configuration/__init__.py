"""The rules of a configuration: strict YAML, plain words, secrets by reference. The door is `tasks.configure`."""
