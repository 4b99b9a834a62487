"""The Ansible modules and filters of the roles, on real files and programs."""
