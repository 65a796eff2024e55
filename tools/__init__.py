"""What the house uses to keep itself in order; nothing here is imported by the product."""
