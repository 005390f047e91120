"""Train the network of a task: data module, Lightning module, recipes."""
