"""ECSS-E-ST-70-41C (PUS-C): packet secondary headers and the layouts of standard reports."""
