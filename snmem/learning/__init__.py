"""Networks that learn a task by local rules: heads that go on learning, and liquids."""
