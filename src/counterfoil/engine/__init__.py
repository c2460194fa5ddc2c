"""What orders transactions: the port that every engine has, and the engines."""
