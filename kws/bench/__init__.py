"""What a bundle costs on a board: cycles, RAM, flash."""
