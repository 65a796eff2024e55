"""What the tests share: a real installation, people and businesses in it, a browser."""
