"""The market's rules, one folder for each business."""
