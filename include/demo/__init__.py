"""The demo: PostgreSQL, a mail server and Airflow on this machine, and what is put into them."""
