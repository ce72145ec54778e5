"""Is the adapter better than its base on threads that neither was trained on?"""
