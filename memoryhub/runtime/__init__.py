"""How the hub runs: its database server, its secrets, its processes, its backups."""
