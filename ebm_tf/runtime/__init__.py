"""What touches the machine: files, devices, figures and the command line."""
