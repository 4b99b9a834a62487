"""What is promised of delivery, shown on real bridge files, stores, processes and signals."""
