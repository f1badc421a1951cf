"""Energy-based models and robust classifiers with TensorFlow 2 and Keras 3."""
