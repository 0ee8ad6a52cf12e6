"""The Python interface: `import accelfront`."""
