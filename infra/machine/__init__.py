"""What the programs, disks and proxies of this machine need."""
