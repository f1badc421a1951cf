"""The energies of classifiers under attack: measured, pictured and compared."""
