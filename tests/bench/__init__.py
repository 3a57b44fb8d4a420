"""Measurements that anybody can repeat.  They print times and never fail for one."""
