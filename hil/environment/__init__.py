"""What the spacecraft lives on and in: power, heat and radiation, over an orbit. Sans-IO; time is an argument."""
