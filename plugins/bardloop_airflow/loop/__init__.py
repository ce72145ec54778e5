"""The page "Bardloop" in Airflow's menu: the loop as a picture, with the latest state of each stage."""
