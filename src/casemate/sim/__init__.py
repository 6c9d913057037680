"""The simulated world: declared raids, traffic and radars, and engagements that exist nowhere else."""
