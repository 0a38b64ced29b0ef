"""What qemu.bench measures, a module for each kind of figure."""
