"""`manage.py doctor`: is everything there that the portal needs?"""
