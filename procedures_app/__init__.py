"""Knowledge, work history, operations, procedures and their runs: consult before acting, follow, prove."""
